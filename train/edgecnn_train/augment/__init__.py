"""Changes training pictures: `single` one by one, `randaugment` at random, `mix` with one another."""

from edgecnn_train.augment.mix import cutmix, mix, mixes, mixup
from edgecnn_train.augment.randaugment import randaugment
from edgecnn_train.augment.single import active, augment, homographies

__all__ = ["active", "augment", "cutmix", "homographies", "mix", "mixes", "mixup", "randaugment"]
