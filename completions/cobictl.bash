# Completion of cobictl(1) for bash: nouns and verbs from the lists below (a test compares them with the command table),
# options from the command's own --help.

declare -gA _cobictl_words=(
    [-]="status health config reload release clock office practitioner supervisor advocate officer participant session task concern feed message inbound escalation gateway audit template preview explain"
    [config]="check"
    [clock]="show advance set"
    [office]="add list show set"
    [practitioner]="add list show set absent leave"
    [supervisor]="add list show set absent"
    [advocate]="add list show set link unlink"
    [officer]="add list show set"
    [participant]="add list show set absent reassign plan pause resume withdraw end complete"
    [session]="list show move cancel outcome decide correct approve"
    [task]="list done"
    [feed]="create list revoke"
    [message]="list show retry cancel"
    [inbound]="list show"
    [concern]="raise"
    [escalation]="list show ack resolve worst-case"
    [gateway]="list"
    [audit]="verify"
    [template]="list show"
)

_cobictl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word skip=0
    local -a words=() candidates=()
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if ((skip)); then
            skip=0
        elif [[ $word == --socket ]]; then
            skip=1
        elif [[ $word != -* ]]; then
            words+=("$word")
        fi
    done
    if [[ $previous == --socket ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    if [[ $current == -* ]]; then
        mapfile -t candidates < <(cobictl "${words[@]:0:2}" --help 2>/dev/null |
            sed -n 's/^  \(--[a-z-]*\).*/\1/p')
        ((${#candidates[@]})) || candidates=(--json --socket --help --version)
    elif ((${#words[@]} == 0)); then
        read -ra candidates <<<"${_cobictl_words[-]}"
    elif ((${#words[@]} == 1)) && [[ -v "_cobictl_words[${words[0]}]" ]]; then
        read -ra candidates <<<"${_cobictl_words[${words[0]}]}"
    fi
    mapfile -t COMPREPLY < <(compgen -W "${candidates[*]}" -- "$current")
}
complete -F _cobictl cobictl
