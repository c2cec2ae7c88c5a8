#!/bin/sh
# A content filter for smtpserver, to be copied and changed: `PARAM contentfilter /etc/smtpserver/contentfilter.sh`.
#
# It runs in the spool directory for as long as the server likes it, and speaks with it over standard input and output:
# it says `#hungry` when it can take a message, is told the path of its file, and answers with one line,
#
#     RESULT [NNN [x.y.z]] TEXT
#
# RESULT below zero destroys the message, zero keeps it, above zero it goes to the freezer. Then it is hungry again. At the
# end of its input it ends. What it writes to standard error goes into the server's log.
#
# The file holds the envelope, a line `env-end`, the header with lines that end with LF, an empty line, the body.

judge() {
    # Only the header: everything from env-end to the first empty line.
    header=$(sed -n '/^env-end$/,/^$/p' "$1") || return 1
    case $header in
        *'X-Sample-Verdict: reject'*) echo '-1 550 5.7.1 this message is not wanted here' ;;
        *'X-Sample-Verdict: swallow'*) echo '-1 250 2.0.0 thank you' ;;
        *'X-Sample-Verdict: freeze'*) echo '1' ;;
        *) echo '0 250 2.6.0 looks fine' ;;
    esac
}

echo '#hungry'
while IFS= read -r file; do
    # Whatever goes wrong is not an acceptance: without a line of this form the message goes to the freezer.
    judge "$file" || echo "contentfilter.sh: cannot read $file" >&2
    echo '#hungry'
done
