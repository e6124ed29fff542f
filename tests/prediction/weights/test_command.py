"""`brats weights` lists the networks and prints their cards."""

from brats_lib.cli import main


def test_list_tells_size_data_and_scores_of_each_network_the_default_first(package, capsys):
    assert main(["weights"]) == 0
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert first.startswith("phantom+real (default): ") and second.startswith("phantom: ")
    assert "parameters" in first and "1,200 phantoms" in first and "WT 0.931, ET 0.870" in first


def test_card_of_one_network_is_printed_whole(package, capsys):
    assert main(["weights", "phantom"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("phantom\n\n") and "Baid et al. 2021" in out and "* Adults only." in out


def test_unknown_network_ends_with_exit_code_two(package, capsys):
    assert main(["weights", "best"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("brats: weights 'best'") and "phantom+real" in error and "Traceback" not in error
