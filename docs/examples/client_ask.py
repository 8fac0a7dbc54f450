from pixwise.errors import PictureError
from pixwise.serve.client import Client

with Client() as client:  # PIXWISE_URL, or http://127.0.0.1:8000
    codes = client.codes("examples/receipt.png")
    assert codes[0].text
    answers = client.quality(["examples/receipt.png", "examples/scene.png", b"no picture"], on_error="return")
    assert isinstance(answers[2], PictureError)
    client.draw("ocr", "examples/receipt.png").save("read.png")
