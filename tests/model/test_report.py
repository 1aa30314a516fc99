"""The report of weights names every kind once, by layers."""

from fcnlab.model.report import Report, shorten


def test_weights_and_biases_of_a_layer_are_told_as_one() -> None:
    assert shorten(["conv1.weight", "conv1.bias", "fc6.weight"]) == "conv1, fc6"
    told = str(Report(expects="caffe", copied=["conv1.weight", "conv1.bias"], initial=["score_fr.weight"]))
    assert told == "made for caffe input; copied 2: conv1; coerced 0; bilinear 0; dropped 0; initial 1: score_fr"
