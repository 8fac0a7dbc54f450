import pixwise as px

picture = px.Picture.open("examples/scene.png")  # decoded once
sentence = px.caption(picture, model="models/florence2").text
things = px.detect(picture, model="models/florence2")  # named in the model's own words
lines = px.ocr(picture, model="models/florence2")
phrases = px.find(picture, ["a red car beside a dog"], model="models/florence2")

for thing in things[:3]:
    print(f"{thing.label}: {thing.score:.2f} at {thing.box.round().tolist()}")
print(sentence, len(lines), "lines,", len(phrases), "phrases")
