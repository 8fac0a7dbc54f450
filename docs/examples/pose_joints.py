import pixwise as px

people = [(80, 40, 300, 560), (420, 60, 640, 580)]  # or leave them out: a detector finds them
poses = px.pose("examples/scene.png", people, model="models/vitpose", min_keypoint_score=0.1)
for row, wrist in zip(poses, poses.point("left_wrist"), strict=True):
    seen = int((row.keypoint_scores >= 0.1).sum())
    print(f"person at {row.box.astype(int).tolist()}: {seen} joints, left wrist at {wrist.round(1).tolist()}")

for (a, b), ends in zip(poses.skeleton.edges, poses.limbs()[0], strict=True):
    print(poses.skeleton.names[a], "-", poses.skeleton.names[b], ends.round().tolist())  # NaN where an end was not seen
poses.draw("examples/scene.png").save("poses.png")
