"""Panoptic files of COCO: written, read back, and compared with a truth."""

import numpy as np

from pixwise.evaluate.answers import coco_categories
from pixwise.evaluate.coco_panoptic import paired, read_panoptic, write_panoptic
from pixwise.evaluate.panoptic import PanopticMap, Segment, panoptic_quality

ids = np.ones((60, 80), int)  # grass, id 1
ids[20:50, 30:60] = 2  # a dog on it
truth = PanopticMap(ids, (Segment(1, category_id=193), Segment(2, category_id=18)))
found = PanopticMap(np.roll(ids, 5, axis=1), truth.segments)  # of an answer: panoptic_map(answer, categories)

for name, map in (("truth", truth), ("found", found)):
    write_panoptic(f"{name}.json", [(1, "dog.jpg", map)], coco_categories())

file = read_panoptic("truth.json")  # maps are opened one by one
quality = panoptic_quality(paired(file, read_panoptic("found.json")), file.categories)
print(f"PQ {quality.all.pq:.3f}: things {quality.things.pq:.3f}, stuff {quality.stuff.pq:.3f}")
print(f"of what was found {quality.all.sq:.3f} lies right, {quality.all.rq:.3f} was found")
