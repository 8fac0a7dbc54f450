"""What happens in a clip, and which of its frames were looked at."""

from PIL import Image

import pixwise as px

scene = Image.open("examples/scene.png").convert("RGB")
pan = [scene.crop((6 * t, 0, 6 * t + 640, 600)) for t in range(24)]  # a camera that moves to the right

answer = px.action(pan)  # a list of pictures is one clip
print(f"{answer[0].label}: {answer[0].score:.0%} of the steps; frames {answer.frames.tolist()} of {answer.count}")
answer.draw(pan).save("pan.png")

pan[0].save("pan.gif", save_all=True, append_images=pan[1:])
still, moving = px.action([[scene], ["pan.gif"]])  # a list of lists is several clips
print(still[0].label, "|", moving[0].label)
