import pixwise as px

answer = px.instances("examples/scene.png", "models/mask2former", min_score=0.1, top=5)  # a folder of yours
for row in answer:
    print(f"{row.label} {row.score:.2f}: {row.area} pixels, {len(row.mask.polygons())} outlines")
answer.draw("examples/scene.png").save("things.png")
