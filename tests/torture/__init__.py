"""Power cuts of real processes, in numbers: a sample in every run of the tests, all of them with --torture."""
