#!/bin/sh
# policy-builder.sh: makes the compiled policy, for whoever has this name in cron. All work is done by
# `smtpserver policy build`; a source with a fault never replaces a policy that works.
#
# usage: policy-builder.sh [-n] [-d dbdir] [-f dbfile]
#   -n  is taken and means nothing
#   -d  the directory of the sources (default $MAILVAR/db)
#   -f  the base name of the sources (default smtp-policy)
# MAILVAR and MAILBIN are those of the mailer. The exit status is 64 when there is no source.

usage() {
    echo "usage: $0 [-n] [-d dbdir] [-f dbfile]" >&2
    exit 64
}

dbdir=${MAILVAR:+$MAILVAR/db}
dbfile=smtp-policy
while getopts nd:f: option; do
    case $option in
    n) ;;
    d) dbdir=$OPTARG ;;
    f) dbfile=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || usage

if [ -z "$dbdir" ]; then
    echo "$0: neither MAILVAR nor -d says where the sources are" >&2
    exit 64
fi
if [ ! -f "$dbdir/$dbfile.src" ]; then
    echo "$0: $dbdir/$dbfile.src is missing" >&2
    exit 64
fi

smtpserver=smtpserver
if [ -n "$MAILBIN" ] && [ -x "$MAILBIN/smtpserver" ]; then
    smtpserver=$MAILBIN/smtpserver
fi
exec "$smtpserver" policy build -d "$dbdir" -f "$dbfile"
