import pixwise as px

said = px.caption("examples/scene.png", model="models/captioner", prompt="a photo of", max_tokens=12)
print(said.text, f"({said.score:.2f}, {said.tokens} tokens, stopped by {said.stop})")
said.draw("examples/scene.png").save("captioned.png")  # the sentence on a strip below the picture

captioner = px.Captioner.load("models/captioner", beams=4, min_tokens=5)  # one model, many pictures
print([one.text for one in captioner(["examples/scene.png", "examples/receipt.png"])])
print(px.alt_text("examples/scene.png", "models/captioner", beams=4))  # for the alt of a page

words = px.Captioner.load("models/captioner", temperature=0.8, top_p=0.9, seed=7)  # drawn, not the most probable
for piece in words.tokens("examples/scene.png"):  # as they come
    print(piece, end="", flush=True)
print()
