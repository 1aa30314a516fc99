"""Many runs: the jobs of a sweep, a search, processes of their own."""
