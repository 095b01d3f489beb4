"""The quorate daemon and its command line: everything that touches the world.

grpcio reads its environment once, when it is imported, so what it needs is set here, before any
module of this package can import it.
"""

import os

# grpcio cannot be told to refuse TLS 1.2. But this list rules 1.2 alone, and 1.2 needs a suite
# that fits the certificate: with RSA suites only and P-256 leaves, no handshake below 1.3 can
# succeed, on either side (rule T1).
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES128-GCM-SHA256"

# By itself grpcio writes a line of its own making to stderr for every failed handshake, without
# saying whose. GRPC_VERBOSITY=INFO in the environment brings them back.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
