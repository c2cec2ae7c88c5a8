#!/bin/sh
# An interactive router for smtpserver without a ZMailer, to be copied and changed: `PARAM enable-router` and the option
# `-R /etc/smtpserver/router.sh`. It needs no option of its own and takes those that a ZMailer router is given.
#
# It says `#hungry`, is told a line, a function and a tab and an argument, and answers with a reply in SMTP's form, of one
# line or several. Then it is hungry again; at the end of its input it ends. The argument is the client's: it is never
# evaluated here, only compared.
#
#     from ADDRESS      a sender; nothing for the null sender
#     to ADDRESS        a recipient
#     verify TEXT       VRFY
#     expand TEXT       EXPN
#     hello [LITERAL] NAME WORD     HELO and EHLO, with the style letter h

tab=$(printf '\t')

answer() {
    case $1 in
        from)
            case $2 in
                *@invalid | *.invalid) echo '550 5.1.8 no mail from there' ;;
                *) echo '250 2.1.0 sender ok' ;;
            esac ;;
        to)
            case $2 in
                nobody | nobody@*) echo '550 5.1.1 nobody by that name' ;;
                *) echo '250 2.1.5 recipient ok' ;;
            esac ;;
        verify)
            case $2 in
                postmaster | postmaster@*) echo '250 2.1.5 <postmaster>' ;;
                *) echo '252 2.5.2 cannot say, but mail will be attempted' ;;
            esac ;;
        expand) echo '550 5.1.1 there are no lists here' ;;
        hello) echo '250 2.0.0 welcome' ;;
        *) echo "550 5.0.0 no function $1" ;;
    esac
}

echo '#hungry'
while IFS= read -r line; do
    function=${line%%"$tab"*}
    argument=${line#*"$tab"}
    answer "$function" "$argument"
    echo '#hungry'
done
