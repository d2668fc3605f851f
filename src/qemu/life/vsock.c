/* The number by which the host's processes reach a guest. An automatic one is the least that nobody
 * has: the kernel knows, whoever runs the guests. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "life.h"

#define CID_FIRST 3 /* below: the hypervisor, this host */
#define CID_LAST  0xffff

static gboolean
cid_claim(Vm *vm, guint32 cid, GError **err)
{
    char key[12];
    const Claim claim = { .kind = CLAIM_CID, .key = key, .owner = OWNER(vm) };

    g_snprintf(key, sizeof key, "%u", cid);
    return claim_take(&claim, err);
}

static void
cid_release(Vm *vm, guint32 cid)
{
    char key[12];
    int saved = errno;

    g_snprintf(key, sizeof key, "%u", cid);
    claim_drop(CLAIM_CID, key, OWNER(vm));
    errno = saved;
}

/* The kernel's own claim ends with the descriptor, and QEMU makes it anew with its own, moments
 * later: ours keeps another VM from getting the number in between. */
static gboolean
choose(Vm *vm, VsockDef *vsock, GError **err)
{
    fd_auto fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, errno, "vsock device: cannot open '/dev/vhost-vsock'");
    for (guint64 cid = CID_FIRST; cid <= CID_LAST; cid++) {
        gboolean ours = cid_claim(vm, (guint32)cid, NULL);
        if (ours && ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0) {
            vsock->cid = (guint32)cid;
            return TRUE;
        }
        if (!ours)
            continue;
        cid_release(vm, (guint32)cid);
        if (errno != EADDRINUSE)
            return fail_errno(err, errno, "vsock device: cannot choose a CID");
    }
    return fail(err, ERR_OPERATION_FAILED, "vsock device: no CID is free");
}

gboolean
vsock_choose(Vm *vm, GError **err)
{
    VsockDef *vsock = run_alter(vm->run)->devices.vsock;

    if (vsock == NULL)
        return TRUE;
    if (vsock->auto_cid == YES)
        return choose(vm, vsock, err);
    return vsock->cid == 0 || cid_claim(vm, vsock->cid, err) || fail_prefix(err, "vsock device: ");
}
