#!/bin/sh
# The peer "sh + curl": the official page's example scripts, one after the
# other, with sed between them to get the token, as the page suggests.
#
#     official.sh HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
#
# One queue after the other whatever AT-ONCE is; nothing to warm up.
set -eu

API_KEY=0123456789012345678901234567890123456789abcd
read -r SERVER <"$1"
CYCLES=$4
CA_FILE=$5
[ "$CA_FILE" = - ] || export CURL_CA_BUNDLE="$CA_FILE"
POLL=$SERVER/api/haplo-integration-messages/poll/q0

fail() {
    echo "$1" >&2
    exit 1
}

# By the shell alone: it would not be fair to start more programs.
count_messages() {
    COUNT=0
    REST=$1
    while [ "$REST" != "${REST#*\"datetime\"}" ]; do
        REST=${REST#*\"datetime\"}
        COUNT=$((COUNT + 1))
    done
}

cycle=0
while [ "$cycle" -lt "$CYCLES" ]; do
    BATCH=$(curl -sS --fail -X GET --user "haplo:${API_KEY}" "$POLL/fetch")
    TOKEN=$(sed -n 's/.*"token": "\([^"]*\)".*/\1/p' <<EOT
$BATCH
EOT
    )
    count_messages "$BATCH"
    [ "$COUNT" -eq 16 ] || fail "not a batch of 16 messages"
    MARK=$(curl -sS --fail -X POST --data-urlencode "token=$TOKEN" \
        --user "haplo:${API_KEY}" "$POLL/mark")
    [ "$MARK" = '{"markedCount":16,"unreadCount":5}' ] ||
        fail "16 messages were not marked"
    cycle=$((cycle + 1))
done
