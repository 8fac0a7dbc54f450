"""Without a network: what is missing says how to get it, and what answers meanwhile."""

import pixwise as px

try:
    px.Detector.load("dfine-s", offline=True)
except px.PixwiseError as error:
    print(error)  # model 'dfine-s' must be on this machine while offline, got …; run …: pixwise models pull dfine-s

people = px.Detector.load("hog-people")  # built in: nothing to fetch
print(people("examples/scene.png").model)
