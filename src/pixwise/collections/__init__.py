"""Yes/no classifiers over embeddings: is this picture in the collection?

    from pixwise.collections import Focus, Looker, Shelf, classify, sample_of_folder, train

    sample = sample_of_folder("dogs/", Looker.load(Focus.of("look")))     # dogs/yes, dogs/no
    train(sample, id="dogs", shelf=Shelf())
    classify("photo.jpg", "dogs").probability

To train needs the extra `learn` (scikit-learn, pyarrow); to classify does not.
"""

from pixwise.collections.classifying import MembershipClassifier, classify
from pixwise.collections.collection import Collection
from pixwise.collections.focus import Focus, Space
from pixwise.collections.looking import Looker
from pixwise.collections.rows import Rows, Sample, declared, rows_of
from pixwise.collections.service import Service
from pixwise.collections.shelf import Shelf
from pixwise.collections.sources import sample_of_file, sample_of_folder
from pixwise.collections.training import Outcome, train

__all__ = [
    "Collection", "Focus", "Looker", "MembershipClassifier", "Outcome", "Rows", "Sample", "Service", "Shelf", "Space",
    "classify", "declared", "rows_of", "sample_of_file", "sample_of_folder", "train",
]  # fmt: skip
