"""Changes training images: `single` one by one, `randaugment` at random, `mix` with one another.

`apply` applies those that a recipe names.
"""

from edgecnn_train.augment.apply import active, augment, mix, mixes

__all__ = ["active", "augment", "mix", "mixes"]
