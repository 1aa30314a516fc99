"""The report of weights names every kind once, by layers, and no wall of names."""

from fcnlab.model.report import Report, shorten


def test_weights_biases_and_statistics_of_a_layer_are_told_as_one() -> None:
    names = ["conv1.weight", "conv1.bias", "fc6.weight", "bn.weight", "bn.running_var"]
    assert shorten(names) == "conv1, fc6, bn"
    told = str(Report(expects="caffe", copied=["conv1.weight", "conv1.bias"], initial=["score_fr.weight"]))
    assert told == "made for caffe input; copied 2: conv1; reshaped 0; bilinear 0; dropped 0; initial 1: score_fr"


def test_of_many_layers_all_are_told_that_were_not_taken_over() -> None:
    many = [f"conv{number}.weight" for number in range(20)]
    told = str(Report(expects="caffe", copied=many, initial=many))
    assert "copied 20: conv0, conv1, ..., conv19; " in told
    assert told.endswith(f"initial 20: {shorten(many)}")
