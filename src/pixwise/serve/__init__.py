"""The service: every task over HTTP, and a page. Behind the extra `serve`.

from pixwise.serve.app import create_app
app = create_app(Settings())
"""
