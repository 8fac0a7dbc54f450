import pixwise as px

quiet = px.restyle("examples/pear.jpg", "denoise")  # as much as there is noise
half = px.restyle("examples/pear.jpg", "denoise", strength=0.5)
quiet.save("quiet.png")
print(quiet.model.id, half.width, half.height)
