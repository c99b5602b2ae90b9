from contextlib import ExitStack
from dataclasses import replace

import pytest

import edgecnn
from edgecnn.bench import Candidate
from edgecnn.bench.accuracy import accuracies_of, classifiers_by_variant
from edgecnn.dataset import open_source
from edgecnn.evaluation.evaluate import choose, evaluate_variants
from tests.edgecnn.bench.test_interleaved import compared


def test_top1_and_agreement_with_the_float_variant(idx_folder):
    source = open_source(idx_folder)
    items = choose(source.items, 60)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(edgecnn.load("digits", variant, engine))
            for variant, engine in (("int8", "litert"), ("float32", "litert"), ("float32", "fake"))
        ]
        candidates = [Candidate.of(c) for c in opened]
        apart = classifiers_by_variant(candidates)
        assert list(apart) == ["int8 on litert", "float32 on litert", "float32 on fake"]
        both = accuracies_of(evaluate_variants(apart, source, items, data="drawn"), apart)
        assert both.reference == "float32 on litert"
        assert [both.of(c) for c in candidates] == list(both.variants.values()), "each engine its own"
        assert both.of(candidates[1]).top1 > 0.5 > both.of(candidates[2]).top1
        classifiers = classifiers_by_variant([*candidates[:2], candidates[0]])
        assert list(classifiers.values()) == opened[:2], "one for each variant, whatever its threads"
        evaluation = evaluate_variants(classifiers, source, items, data="drawn")
        known = accuracies_of(evaluation, classifiers)
    assert (known.data, known.pictures, known.reference) == ("drawn", 60, "float32")
    assert known.variants["float32"].agreement == 1
    assert known.variants["int8"].agreement == evaluation.agreement
    assert known.variants["int8"].top1 == evaluation.variants["int8"].top1 > 0.5


def test_a_report_has_it_next_to_the_latency(idx_folder):
    source = open_source(idx_folder)
    with edgecnn.load("digits", "int8", "fake") as one:
        classifiers = {"int8": one}
        known = accuracies_of(
            evaluate_variants(classifiers, source, source.items[:20], data="drawn"), classifiers
        )
    assert known.reference is None
    result = replace(compared([1.0] * 8, [2.0] * 8), accuracies=known)
    data = result.as_dict()
    assert data["data"] == {"name": "drawn", "pictures": 20, "agreement_with": None}
    first, second = data["results"]
    assert first["accuracy"] == {"top1": pytest.approx(known.variants["int8"].top1), "agreement": None}
    assert second["accuracy"] is None
