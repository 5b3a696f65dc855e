#!/bin/busybox sh
# The first process of a virtual machine of the tests: brings up what tsh needs, then runs what the host says, line by line.
/bin/busybox --install -s /bin
export PATH=/opt/gatehouse/bin:/bin HOME=/root USER=root TERM=xterm LANG=C.UTF-8 TZ=UTC
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t securityfs sec /sys/kernel/security
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
# The disk holds the home as an archive; a new one is empty.
tar -xf /dev/vda -C /root 2> /dev/null
stty -F /dev/ttyS1 raw -echo
exec 3<> /dev/ttyS1
echo ready >&3
while read -r line <&3; do
  if [ "$line" = off ]; then
    tar -cf /dev/vda -C /root . && sync
    poweroff -f
  fi
  printf %s "$line" | base64 -d > /tmp/command
  sh /tmp/command > /tmp/output 2>&1 < /dev/null
  code=$?
  { printf '%s ' "$code"; base64 -w0 /tmp/output; echo; } >&3
done
