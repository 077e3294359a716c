"""Surgery on models: what comes out is an ordinary model that everything else loads."""
