"""What the machine has, and work spread over it."""
