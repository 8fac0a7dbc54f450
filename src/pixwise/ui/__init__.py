"""The web page: plain files that `pixwise.serve.ui_routes` serves at /ui.

    static/index.html    the parts of the page, in the order in which they are read
    static/*.css         theme (colours, light and dark), layout, parts
    static/*.js          ES modules as they stand, without a build step; `main.js` ties them together
    static/examples/     pictures drawn by `examples/draw_examples.py`

The page knows no task by name: its forms come from the description of the service, its drawings from the nature of an
answer (boxes, quads, masks, mattes), so that a new task appears by itself.
"""
