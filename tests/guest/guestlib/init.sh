#!/bin/sh
# The first and only service of a guest: mount, insert modules, run the script, report.
#
# What a guest reports goes over two serial ports of their own, so that the kernel's
# console stays apart: 'out' carries the script's stdout, then the files asked for; 'err'
# carries its stderr. On both, a record is the mark of this run, some words and a newline.
# /guest/settings (written per run) names the mark, the modules and the files to send.

export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
export HOME=/root TERM=dumb
bb=/bin/busybox

$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs devtmpfs /dev
$bb --install -s /bin
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo +hugetlb >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
mkdir -p /dev/shm /dev/pts /dev/hugepages
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t hugetlbfs hugetlbfs /dev/hugepages
ln -sf /proc/self/fd /dev/fd
hostname guest
ip link set lo up 2>/dev/null

# shellcheck disable=SC1091
. /guest/settings

# The tty of the serial port at a PCI address. Newer kernels put a bus of their own
# between the two, hence the whole path is searched.
serial_at() {
	for tty in /sys/class/tty/ttyS*; do
		case "$(readlink -f "$tty")" in
		*/"$1"/*) echo "/dev/${tty##*/}"; return ;;
		esac
	done
	echo "weir guest: the kernel shows no serial port at PCI $1" >/dev/console
	poweroff -f
}

out=$(serial_at "$OUT_PCI")
err=$(serial_at "$ERR_PCI")
exec 3>"$out" 4>"$err"
stty -F "$out" raw -echo 115200
stty -F "$err" raw -echo 115200

mark() {
	printf '%s%s\n' "$MARK" "$*" >&3
}

# The harness ends QEMU when it has read the last record; until then nothing may be lost.
finish() {
	printf '%s%s\n' "$MARK" "$*" >&3
	printf '%s%s\n' "$MARK" "$*" >&4
	sleep 10
	poweroff -f
}

# Forward one of the script's streams. Through a pipe, so that programs see no terminal;
# and never chosen by the OOM killer, so that a starving test can still say what it saw.
forward() {
	echo -1000 >/proc/self/oom_score_adj
	exec cat "$1"
}

# Nothing the script left behind may hold the pipes open or change the files to send.
stop_leftovers() {
	leftovers=
	for dir in /proc/[0-9]*; do
		pid=${dir#/proc/}
		case $pid in
		1 | "$out_pid" | "$err_pid") ;;
		*) leftovers="$leftovers $pid" ;;
		esac
	done
	# Kernel threads ignore signals; the rest is gone at once.
	# shellcheck disable=SC2086
	kill -KILL $leftovers 2>/dev/null
}

# Files of /proc and /sys lie about their size, which tar believes: copy them first.
send() {
	root=/
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then
		mark "missing $1"
		return
	fi
	case $1 in
	/proc/* | /sys/*)
		root=/guest/stage
		mkdir -p "$root${1%/*}"
		cp -a "$1" "$root$1" 2>/dev/null
		;;
	esac
	mark "get $1"
	tar -c -f - -C "$root" ".$1" 2>&4 | gzip -1 >&3
	mark "end"
}

while read -r module parameters; do
	# shellcheck disable=SC2086
	text=$(insmod "/guest/modules/$module.ko" $parameters 2>&1) ||
		finish "fail insert the module $module: $text"
done </guest/modules/list

mkfifo /guest/out /guest/err
forward /guest/out >&3 &
out_pid=$!
forward /guest/err >&4 &
err_pid=$!

mark started
cd / || finish "fail change to /"
(exec sh /guest/script 3>&- 4>&-) </dev/null >/guest/out 2>/guest/err
status=$?
stop_leftovers
wait "$out_pid"
wait "$err_pid"
mark "status $status"
while read -r path; do
	send "$path"
done </guest/get
finish "done"
