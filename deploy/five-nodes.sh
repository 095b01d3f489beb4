#!/bin/sh
# Makes the five nodes of compose.yaml and their federation file. Once; nothing is overwritten.
#
#   deploy/five-nodes.sh                  with docker compose
#   deploy/five-nodes.sh podman-compose   with another command that reads compose files
#
# What it leaves in deploy/five is public: each node's card, and the federation file.
set -eu
cd "$(dirname "$0")"
[ "$#" -gt 0 ] || set -- docker compose
umask 022
mkdir -p five
federation=five/federation.toml
if [ -e "$federation" ]; then
    echo "$PWD/$federation exists already: the five nodes are made" >&2
    exit 1
fi

# The name of each node, the family of its model, and what else `quorate init` is told. The models
# here are scripted, they say what they are told to: put your own in their place.
while read -r name family model; do
    echo "making $name" >&2
    # shellcheck disable=SC2086  # its words are arguments
    "$@" -f compose.yaml run --rm -T --no-deps "$name" init /node --name "$name" \
        --listen 0.0.0.0:7400 --address "$name:7400" \
        --federation "/etc/quorate/${federation#five/}" \
        --family "$family" $model --option "family=$family" </dev/null >/dev/null
    "$@" -f compose.yaml run --rm -T --no-deps --entrypoint cat "$name" "/node/$name.card" \
        </dev/null >"five/$name.card"
done <<'NODES'
node1 oak --model scripted --option line.answer=Lisbon
node2 elm --model scripted --option line.answer=Lisbon --option line.confidence=6500
node3 ash --model scripted --option line.answer=Lisbon --option line.confidence=8000
node4 yew --model scripted --option line.answer=Porto --option line.confidence=5500
node5 fir --model scripted --option line.answer=Lisbon --option line.confidence=7000
NODES

# The keeper needs no more than the five cards. Its file appears once it is whole.
"$@" -f compose.yaml --profile setup run --rm -T --no-deps keeper </dev/null >"$federation.new"
mv "$federation.new" "$federation"
echo "made five nodes, and $PWD/$federation" >&2
