"""What the scenarios are told with: the programs, the servers around them, and a customer's endpoint."""
