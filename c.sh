drag () 
{ 
    m $1 $2;
    sleep 0.3;
    xdotool mousedown 1;
    shift 2;
    sleep 0.3;
    while [ $# -gt 1 ]; do
        m $1 $2;
        sleep 0.08;
        shift 2;
    done;
    sleep 0.5;
    xdotool mouseup 1;
    sleep 0.6
}
