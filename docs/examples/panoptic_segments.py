import pixwise as px

answer = px.panoptic("examples/scene.png", "models/mask2former", min_score=0.2, min_kept=0.05)  # a folder of yours
for row in answer:
    print(f"{row.id}: {row.label}, {'thing' if row.thing else 'stuff'}, {row.area} pixels")
    assert answer.mask(row.id).area == row.area
assert answer.id_map().shape == (answer.image.height, answer.image.width)
answer.draw("examples/scene.png").save("segments.png")
