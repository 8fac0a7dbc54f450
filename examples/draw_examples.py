"""Draw the example pictures, beside this file and for the web page: python examples/draw_examples.py

receipt.png   a receipt with prices, a stamp at an angle, a QR code and an EAN-13 bar code
page.png      a page of text in two columns
scene.png     a room with coloured things and a portrait
pear.jpg      a pear on a plain ground, to be cut out
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).parent
PAGE = HERE.parent / "src" / "pixwise" / "ui" / "static" / "examples"
PAPER, INK, RED = (252, 250, 244), (30, 30, 36), (176, 36, 44)
ITEMS = (
    ("Espresso", "2.40"),
    ("Oat flat white", "3.90"),
    ("Cinnamon roll", "3.20"),
    ("Rye bread, 500 g", "4.75"),
    ("Orange juice", "3.60"),
)
TOTAL = f"{sum(float(price) for _, price in ITEMS):.2f}"
EAN = "4006381333931"
LINK = "https://example.org/receipt/2041"
# EAN-13 (GS1 General Specifications): in which set each of the six left digits is drawn, by the first digit; set A.
_PARITY = ("AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA", "ABBABA")
_SET_A = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries."""
    return ImageFont.load_default(size)


def ean13(digits: str) -> str:
    """The 95 modules of an EAN-13 code as "0" and "1"."""
    set_c = ["".join("10"[int(bit)] for bit in code) for code in _SET_A]
    left = "".join(
        _SET_A[int(digit)] if parity == "A" else set_c[int(digit)][::-1]
        for digit, parity in zip(digits[1:7], _PARITY[int(digits[0])], strict=True)
    )
    return "101" + left + "01010" + "".join(set_c[int(digit)] for digit in digits[7:]) + "101"


def bar_code(digits: str, module: int = 3, height: int = 110) -> Image.Image:
    """An EAN-13 code with its quiet zone and its digits below."""
    modules = np.array([[bit == "0" for bit in "0" * 11 + ean13(digits) + "0" * 7]])
    bars = Image.fromarray(np.uint8(modules * 255)).resize(
        (modules.shape[1] * module, height), Image.Resampling.NEAREST
    )
    card = Image.new("RGB", (bars.width, height + 34), "white")
    card.paste(bars, (0, 6))
    text = f"{digits[0]}  {digits[1:7]}  {digits[7:]}"
    ImageDraw.Draw(card).text((card.width / 2, height + 8), text, INK, font(22), anchor="ma")
    return card


def qr_code(text: str, module: int = 6) -> Image.Image:
    """A QR code with its quiet zone."""
    code = cv2.QRCodeEncoder.create().encode(text)
    code = np.pad(code, 2, constant_values=255)
    return Image.fromarray(code).resize((code.shape[1] * module,) * 2, Image.Resampling.NEAREST).convert("RGB")


def stamp(text: str, angle: float, size: int = 44) -> Image.Image:
    """Framed text, turned; transparent around it."""
    left, top, right, bottom = font(size).getbbox(text)
    card = Image.new("RGBA", (int(right - left) + 48, int(bottom - top) + 40), (*RED, 0))
    pen = ImageDraw.Draw(card)
    pen.rounded_rectangle((3, 3, card.width - 4, card.height - 4), 12, outline=RED, width=5)
    pen.text((card.width / 2, card.height / 2), text, RED, font(size), anchor="mm")
    return card.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def receipt() -> Image.Image:
    """A receipt with prices, a stamp at an angle, a QR code and a bar code."""
    paper = Image.new("RGB", (640, 1000), PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((320, 40), "CORNER BAKERY", INK, font(46), anchor="ma")
    pen.text((320, 104), "12 Harbour Street", INK, font(26), anchor="ma")
    pen.text((320, 140), "20 Nov 2026, 08:41", INK, font(26), anchor="ma")
    for row, (name, price) in enumerate(ITEMS):
        pen.text((56, 210 + 48 * row), name, INK, font(28))
        pen.text((584, 210 + 48 * row), price, INK, font(28), anchor="ra")
    pen.line((56, 458, 584, 458), INK, 3)
    pen.text((56, 474), "TOTAL", INK, font(38))
    pen.text((584, 474), TOTAL, INK, font(38), anchor="ra")
    seal = stamp("PAID IN CASH", 12)
    paper.paste(seal, (320 - seal.width // 2, 548), seal)
    paper.paste(qr_code(LINK), (24, 720))
    paper.paste(bar_code(EAN), (276, 780))
    return paper


COLUMNS = (
    (
        "Rivers carry sand to",
        "the sea, grain after",
        "grain, and the waves",
        "spread it along the",
        "shore in long bars.",
    ),
    ("When the wind turns", "to the west, the bars", "move on, and the old", "harbour fills with", "mud once more."),
)


def page() -> Image.Image:
    """A page of text in two columns under a title."""
    paper = Image.new("RGB", (1000, 560), "white")
    pen = ImageDraw.Draw(paper)
    pen.text((500, 48), "Notes on the Shore", INK, font(52), anchor="ma")
    for column, lines in enumerate(COLUMNS):
        for row, line in enumerate(lines):
            pen.text((70 + 470 * column, 170 + 64 * row), line, INK, font(38))
    return paper


def portrait(side: int = 220) -> Image.Image:
    """A face from the front, light from the left, soft as a photograph is."""
    big = Image.new("RGB", (480, 480), (96, 120, 128))
    pen = ImageDraw.Draw(big)
    skin, shade, dark, lips = (226, 182, 150), (188, 140, 112), (52, 34, 28), (164, 78, 72)
    pen.ellipse((60, 400, 420, 700), fill=(60, 76, 110))
    pen.rectangle((195, 360, 285, 440), fill=shade)
    pen.ellipse((110, 40, 370, 330), fill=dark)
    pen.ellipse((125, 80, 355, 410), fill=skin)
    pen.chord((120, 45, 360, 240), 195, 345, fill=dark)
    for x in (188, 292):
        pen.ellipse((x - 40, 190, x + 40, 250), fill=shade)
        pen.ellipse((x - 26, 208, x + 26, 240), fill=(240, 236, 230))
        pen.ellipse((x - 14, 207, x + 14, 238), fill=dark)
        pen.line((x - 40, 186, x, 176, x + 40, 186), fill=dark, width=11)
    pen.polygon(((232, 235), (248, 235), (268, 300), (212, 300)), fill=(236, 196, 166))
    pen.ellipse((210, 285, 270, 312), fill=shade)
    pen.ellipse((192, 336, 288, 368), fill=lips)
    pen.line((194, 352, 286, 352), fill=(110, 44, 44), width=5)
    return big.filter(ImageFilter.GaussianBlur(5)).resize((side, side), Image.Resampling.LANCZOS)


def scene() -> Image.Image:
    """A room with coloured things and a portrait on its wall."""
    room = Image.new("RGB", (800, 600), (236, 222, 190))
    pen = ImageDraw.Draw(room)
    pen.rectangle((0, 430, 800, 600), fill=(142, 96, 60))
    pen.rectangle((56, 46, 324, 314), fill=(84, 60, 40))
    room.paste(portrait(), (80, 70))
    pen.rectangle((470, 60, 730, 290), fill=(118, 176, 224), outline="white", width=14)
    pen.line((600, 60, 600, 290), "white", 10)
    pen.polygon(((90, 400), (230, 385), (250, 500), (110, 515)), fill=(206, 52, 46))
    pen.polygon(((360, 500), (430, 330), (500, 500)), fill=(46, 122, 74))
    pen.rectangle((560, 380, 700, 490), fill=(242, 190, 44))
    pen.text((630, 435), "TEA", INK, font(54), anchor="mm")
    return room


def pear() -> Image.Image:
    """A pear on a plain ground, light from the left."""
    y, x = np.mgrid[:560, :720].astype(np.float32)
    middle = 360 + 14 * np.sin(y / 120)  # it leans a little
    half = 150 * np.sqrt(np.clip(1 - ((y - 350) / 152) ** 2, 0, 1))
    neck = 84 * np.sqrt(np.clip(1 - ((y - 205) / 112) ** 2, 0, 1))
    half = np.log(np.exp(half / 22) + np.exp(neck / 22) - 1) * 22  # the two bulbs flow into one another
    side = np.clip((x - middle) / np.maximum(half, 1), -1.2, 1.2)
    light = np.clip(0.62 - 0.5 * side - 0.18 * (y - 330) / 170, 0.12, 1) ** 0.9
    skin = np.stack([150 + 92 * light, 128 + 96 * light, 26 + 60 * light], axis=2)
    blush = np.exp(-(((x - 425) / 80) ** 2) - ((y - 330) / 110) ** 2)[..., None]
    skin = skin * (1 - 0.5 * blush) + np.float32([206, 84, 58]) * 0.5 * blush
    shine = np.exp(-(((x - 300) / 26) ** 2) - ((y - 300) / 46) ** 2)[..., None]
    skin = skin + (255 - skin) * 0.65 * shine
    shadow = np.exp(-(((x - 410) / 230) ** 2) - ((y - 496) / 34) ** 2)[..., None]
    ground = np.float32([222, 230, 232]) * (1 - 0.2 * shadow) - (y[..., None] - 280) / 40
    inside = np.clip((half - np.abs(x - middle)) / 1.5, 0, 1)[..., None] * (half > 4)[..., None]
    picture = Image.fromarray(np.uint8(np.clip(ground * (1 - inside) + skin * inside, 0, 255)))
    ImageDraw.Draw(picture).line(((372, 98), (378, 74), (394, 52)), fill=(92, 62, 38), width=9, joint="curve")
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def main() -> None:
    """Draw them all."""
    for folder in (HERE, PAGE):
        for drawing in (receipt, page, scene):
            image = drawing().quantize(96, dither=Image.Dither.NONE)
            image.save(folder / f"{drawing.__name__}.png", optimize=True)
        pear().save(folder / "pear.jpg", quality=88)


if __name__ == "__main__":
    main()
