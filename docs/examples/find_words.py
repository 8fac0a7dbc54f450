import pixwise as px

found = px.find("examples/scene.png", ["a red car", "a dog"], model="models/finder", min_score=0.3)
for thing in found[:5]:
    print(f"{thing.label}: {thing.score:.2f} at {thing.box.round().tolist()}")
found.draw("examples/scene.png").save("found.png")

finder = px.Finder.load("models/finder", labels=["a dog"], template="{label} up", top=3)  # one model, many pictures
print([len(answer) for answer in finder(["examples/scene.png"] * 2)])
