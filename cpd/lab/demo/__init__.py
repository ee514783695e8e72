"""`cpd demo`: a charger, a central system and an EV, played as separate processes over real sockets, and checked."""
