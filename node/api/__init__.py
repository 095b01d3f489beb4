"""The HTTP front of a node: the API of OpenAI's clients, spoken for a committee."""
