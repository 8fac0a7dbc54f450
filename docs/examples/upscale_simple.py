import pixwise as px

large = px.upscale("examples/pear.jpg", "lanczos", factor=2)  # a network adds detail: see below
print(large.width, large.height, large.scale)
large.save("large.png")
