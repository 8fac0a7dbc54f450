from PIL import Image

import pixwise as px

small = Image.open("examples/pear.jpg").resize((120, 90))
told = []
large = px.upscale(small, "models/upscaler", tile=64, progress=lambda done, total: told.append(f"{done} of {total}"))
print(told[-1], "tiles:", large.width, "x", large.height)
