import pixwise as px

relative = px.depth("examples/pear.jpg", "models/depth")
metric = relative.between(near_m=0.3, far_m=2)  # what you know of the scene; a metric model needs no such help
cloud = metric.points("examples/pear.jpg", fov_deg=65, step=4)
cloud.save_ply("pear.ply")  # MeshLab, Blender, CloudCompare open it
x, y, z = cloud.xyz.mean(axis=0)  # metres: right, down, into the picture
assert 0.3 <= z <= 2.01
