"""Tables of HU and value in the formats of those who read them: matRad, MCsquare, k-Plan."""
