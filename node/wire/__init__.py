"""Everything that travels between members: TLS, links, fetches, codecs and the gate."""
