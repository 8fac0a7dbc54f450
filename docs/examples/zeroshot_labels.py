import pixwise as px

model = "models/clip"
labels = ["a receipt", "a page of a book", "a living room"]
found = px.zeroshot("examples/scene.png", labels, model)
print(found.label())
for row in found:
    print(f"{row.score:.3f}  {row.cosine:+.3f}  {row.label}")

# Several templates, a threshold, many pictures: one model, each label read once.
judge = px.ZeroShot.load(model, labels=labels, template=("a photo of {label}", "a scan of {label}"), other=0.6)
for answer in judge(["examples/page.png", "examples/receipt.png", "examples/scene.png"]):
    print(answer.image.source, "→", answer.label())

# Whole sentences: the labels as they are.
print(px.zeroshot("examples/receipt.png", ["Somebody paid.", "Nobody paid."], model, template=None).label())
