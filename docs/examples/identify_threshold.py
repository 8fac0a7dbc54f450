"""Choose a threshold on pairs whose truth is known. Random vectors stand for `px.identify(picture).vectors`."""

import numpy as np

from pixwise.evaluate.verification import all_pairs, hardest_triplets, triplet_loss, verification_curve
from pixwise.vectors import unit

random = np.random.default_rng(0)
people = np.repeat(np.arange(30), 6)  # 30 people with 6 pictures each
vectors = unit(random.normal(size=(30, 64))[people] + random.normal(0, 1.2, (180, 64)))

cosines, same = all_pairs(vectors, people)
curve = verification_curve(cosines, same)
print(f"{curve.same} pairs of one person, {curve.different} of two; area under the ROC {curve.auc:.4f}")
print(f"equal error rate {curve.eer:.3f}; with 1 false in 1000: {curve.tar_at_far(0.001):.2f} are recognised")

threshold = curve.threshold_at_far(0.001)  # for a door; curve.best_threshold() makes fewest errors in all
print(f"px.identify(picture, gallery, threshold={threshold:.3f})")

anchors, positives, negatives = hardest_triplets(vectors, people)
print(f"triplet loss {triplet_loss(vectors[anchors], vectors[positives], vectors[negatives]):.2f}")
