#!/bin/sh
# /init of the initramfs on a Debian disk: inserts the modules for it, mounts it as root=
# says, puts there what the harness brings along for this boot instead of what it brought
# for the last one, and gives way to systemd.

export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /newroot
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

give_up() {
	echo "weir guest: $*" >/dev/console
	poweroff -f
}

while read -r module; do
	insmod "/modules/$module.ko" || give_up "cannot insert $module"
done </modules/list

root=
read -r line </proc/cmdline
for word in $line; do
	case $word in
	root=*) root=${word#root=} ;;
	esac
done
case $root in
UUID=* | LABEL=*) root=$(findfs "$root") || give_up "no disk is $root" ;;
esac
mount -t ext4 "$root" /newroot || give_up "cannot mount '$root'"
if [ -d /payload ]; then
	rm -rf /newroot/var/lib/guest-task
	cp -a /payload/. /newroot/ || give_up "cannot copy to the disk"
fi
umount /proc /sys
mount --move /dev /newroot/dev
exec switch_root /newroot /sbin/init
