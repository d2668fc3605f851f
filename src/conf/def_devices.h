/* Devices of a guest but disks and network interfaces. Included by conf.h only. */
#pragma once

#include "def_common.h"
#include "def_disk.h"
#include "def_net.h"

/* ---- controllers */

typedef enum ControllerType {
    CONTROLLER_IDE = 1,
    CONTROLLER_FDC,
    CONTROLLER_SCSI,
    CONTROLLER_SATA,
    CONTROLLER_VIRTIO_SERIAL,
    CONTROLLER_CCID,
    CONTROLLER_USB,
    CONTROLLER_PCI,
    CONTROLLER_XENBUS,
    CONTROLLER_ISA,
    CONTROLLER_NVME,
} ControllerType;
extern const char *const controller_types[];

/* Models of all types in one table; model_of_type tells which go together. */
typedef enum ControllerModel {
    MODEL_NONE_GIVEN,
    /* scsi */
    MODEL_AUTO,
    MODEL_BUSLOGIC,
    MODEL_LSILOGIC,
    MODEL_LSISAS1068,
    MODEL_VMPVSCSI,
    MODEL_IBMVSCSI,
    MODEL_VIRTIO_SCSI,
    MODEL_LSISAS1078,
    MODEL_NCR53C90,
    MODEL_DC390,
    MODEL_AM53C974,
    MODEL_VIRTIO_TRANSITIONAL,
    MODEL_VIRTIO_NON_TRANSITIONAL,
    /* usb */
    MODEL_PIIX3_UHCI,
    MODEL_PIIX4_UHCI,
    MODEL_EHCI,
    MODEL_ICH9_EHCI1,
    MODEL_ICH9_UHCI1,
    MODEL_ICH9_UHCI2,
    MODEL_ICH9_UHCI3,
    MODEL_VT82C686B_UHCI,
    MODEL_PCI_OHCI,
    MODEL_NEC_XHCI,
    MODEL_QUSB1,
    MODEL_QUSB2,
    MODEL_QEMU_XHCI,
    MODEL_NONE, /* "none": there is no such controller */
    /* pci */
    MODEL_PCI_ROOT,
    MODEL_PCIE_ROOT,
    MODEL_PCI_BRIDGE,
    MODEL_DMI_TO_PCI_BRIDGE,
    MODEL_PCIE_TO_PCI_BRIDGE,
    MODEL_PCIE_ROOT_PORT,
    MODEL_PCIE_SWITCH_UPSTREAM_PORT,
    MODEL_PCIE_SWITCH_DOWNSTREAM_PORT,
    MODEL_PCI_EXPANDER_BUS,
    MODEL_PCIE_EXPANDER_BUS,
    /* ide, virtio-serial */
    MODEL_PIIX3,
    MODEL_PIIX4,
    MODEL_ICH6,
    MODEL_VIRTIO,
} ControllerModel;
extern const char *const controller_models[];

typedef struct ControllerPci {
    int model_name; /* word of pci_model_names */
    guint32 chassis_nr, chassis, port, bus_nr, index, node;
    guint8 has_chassis_nr, has_chassis, has_port, has_bus_nr, has_index, has_node;
    int hotplug;         /* ON, OFF */
    guint64 mem_reserve; /* KiB for devices that are plugged in later */
    guint8 has_mem_reserve;
} ControllerPci;
extern const char *const pci_model_names[];

typedef struct ControllerDriver {
    guint32 queues, cmd_per_lun, max_sectors, iothread;
    int ioeventfd;
    VirtioOptions virtio;
    GPtrArray *iothread_maps; /* IothreadMap */
} ControllerDriver;

typedef struct ControllerDef {
    int type;  /* ControllerType */
    int model; /* ControllerModel */
    guint32 index;
    guint8 has_index; /* once filled always */
    guint8 has_ports, has_vectors;
    guint32 ports, vectors; /* usb, virtio-serial */
    ControllerPci *pci;
    guint64 pcihole64; /* KiB; of a pci root */
    guint8 has_pcihole64;
    ControllerDriver *driver;
    char *serial; /* nvme */
    DeviceInfo info;
} ControllerDef;
extern const Schema controller_schema;

/* ---- serial, parallel, console, channel */

typedef enum CharRole { CHAR_SERIAL = 1, CHAR_PARALLEL, CHAR_CONSOLE, CHAR_CHANNEL } CharRole;

typedef enum SerialTarget {
    SERIAL_ISA = 1,
    SERIAL_USB,
    SERIAL_PCI,
    SERIAL_SPAPR_VIO,
    SERIAL_SYSTEM,
    SERIAL_SCLP,
    SERIAL_ISA_DEBUG,
} SerialTarget;
extern const char *const serial_targets[];
typedef enum SerialModel {
    SERIAL_MODEL_ISA = 1,
    SERIAL_MODEL_USB,
    SERIAL_MODEL_PCI,
    SERIAL_MODEL_SPAPR_VTY,
    SERIAL_MODEL_PL011,
    SERIAL_MODEL_SCLP,
    SERIAL_MODEL_SCLPLM,
    SERIAL_MODEL_16550A,
    SERIAL_MODEL_DEBUGCON,
} SerialModel;
extern const char *const serial_models[];

typedef enum ConsoleTarget {
    CONSOLE_SERIAL = 1,
    CONSOLE_XEN,
    CONSOLE_UML,
    CONSOLE_VIRTIO,
    CONSOLE_LXC,
    CONSOLE_OPENVZ,
    CONSOLE_SCLP,
    CONSOLE_SCLPLM,
} ConsoleTarget;
extern const char *const console_targets[];

typedef enum ChannelTarget { CHANNEL_GUESTFWD = 1, CHANNEL_VIRTIO, CHANNEL_XEN } ChannelTarget;

/* One struct for the four; target_type is a SerialTarget, ConsoleTarget or ChannelTarget. */
enum { CHANNEL_CONNECTED = 1, CHANNEL_DISCONNECTED = 2 };

typedef struct CharDef {
    CharSource source;
    int target_type;
    int target_model; /* serial */
    gint32 port;
    guint8 has_port;
    char *name;    /* virtio channel */
    int state;     /* live, of a channel: CHANNEL_CONNECTED or CHANNEL_DISCONNECTED */
    char *address; /* guestfwd */
    char *guest_port;
    gboolean has_target; /* channel: only while it is read */
    char *tty;           /* live, console */
    DeviceInfo info;
} CharDef;
extern const Schema serial_schema, parallel_schema, console_schema, channel_schema;

/* ---- smartcard, redirdev */

typedef struct SmartcardDef {
    int mode; /* host 1, host-certificates 2, passthrough 3 */
    CharSource source;
    char **certificates;
    char *database;
    DeviceInfo info;
} SmartcardDef;
extern const Schema smartcard_schema;
enum { SMARTCARD_HOST = 1, SMARTCARD_HOST_CERTIFICATES, SMARTCARD_PASSTHROUGH };

typedef struct RedirDef {
    int bus; /* usb 1 */
    CharSource source;
    DeviceInfo info;
} RedirDef;
extern const Schema redirdev_schema;

typedef struct RedirFilterRule {
    char *class_, *vendor, *product; /* as in 0x1234; NULL: any */
    char *version;                   /* as in 2.05 */
    int allow;                       /* YES, NO */
} RedirFilterRule;

typedef struct RedirFilter {
    GPtrArray *rules; /* RedirFilterRule */
} RedirFilter;
extern const Schema redirfilter_schema;

/* ---- input, hub */

enum { INPUT_BUS_PS2 = 1, INPUT_BUS_USB, INPUT_BUS_VIRTIO = 5 };
extern const char *const input_buses[];
typedef struct InputDef {
    int type;        /* InputType */
    int bus;         /* InputBus */
    int model;       /* VirtioModel */
    char *evdev;     /* source */
    int grab;        /* all 1 */
    int grab_toggle; /* word of grab_toggles */
    int repeat;      /* ON, OFF */
    VirtioOptions virtio;
    DeviceInfo info;
} InputDef;
extern const Schema input_schema;
extern const char *const input_types[];
enum { INPUT_MOUSE = 1, INPUT_TABLET, INPUT_KEYBOARD, INPUT_PASSTHROUGH, INPUT_EVDEV };
enum { INPUT_PS2 = 1, INPUT_USB, INPUT_XEN, INPUT_PARALLELS, INPUT_VIRTIO, INPUT_NO_BUS };

typedef struct HubDef {
    int type; /* usb 1 */
    DeviceInfo info;
} HubDef;
extern const Schema hub_schema;

/* ---- graphics, video, sound, audio */

typedef enum GraphicsType {
    GRAPHICS_SDL = 1,
    GRAPHICS_VNC,
    GRAPHICS_RDP,
    GRAPHICS_DESKTOP,
    GRAPHICS_SPICE,
    GRAPHICS_EGL_HEADLESS,
    GRAPHICS_DBUS,
} GraphicsType;

enum { LISTEN_NONE = 1, LISTEN_ADDRESS, LISTEN_NETWORK, LISTEN_SOCKET };

typedef struct GraphicsListen {
    int type;
    char *address, *network, *socket;
    int from_config; /* live */
} GraphicsListen;

extern const Schema graphics_listen_schema;

typedef struct SpiceChannel {
    int name; /* word */
    int mode; /* secure 1, insecure 2, any 3 */
} SpiceChannel;
enum { SPICE_SECURE = 1, SPICE_INSECURE, SPICE_ANY };

typedef struct SpiceOptions {
    int default_mode, image_compression, jpeg, zlib, playback, streaming, mouse;
    int copypaste, filetransfer;
    GPtrArray *channels; /* SpiceChannel */
} SpiceOptions;

typedef struct GraphicsDef {
    int type;        /* GraphicsType */
    gint32 port;     /* -1: automatic */
    gint32 tls_port; /* spice */
    gint32 websocket;
    guint8 has_port, has_tls_port, has_websocket;
    int autoport; /* YES, NO */
    char *listen; /* the first listen's address, said again */
    char *socket; /* the same of a socket; vnc */
    char *keymap;
    char *passwd, *passwd_valid_to;
    int connected;         /* fail 1, disconnect 2, keep 3 */
    int share_policy;      /* allow-exclusive 1, force-shared 2, ignore 3 */
    int power_control;     /* YES, NO */
    char *display, *xauth; /* sdl */
    int fullscreen;
    char *username; /* rdp */
    int multi_user, replace_user;
    char *dbus_address; /* dbus */
    int p2p;
    int gl; /* YES, NO */
    char *rendernode;
    guint32 audio_id; /* <audio id> */
    SpiceOptions spice;
    GPtrArray *listens; /* GraphicsListen */
    gboolean is_live;   /* only while it is read */
} GraphicsDef;
extern const Schema graphics_schema;
extern const char *const graphics_types[];
enum { CONNECTED_FAIL = 1, CONNECTED_DISCONNECT, CONNECTED_KEEP };

typedef enum VideoType {
    VIDEO_VGA = 1,
    VIDEO_CIRRUS,
    VIDEO_VMVGA,
    VIDEO_XEN,
    VIDEO_VBOX,
    VIDEO_QXL,
    VIDEO_PARALLELS,
    VIDEO_VIRTIO,
    VIDEO_GOP,
    VIDEO_NONE,
    VIDEO_BOCHS,
    VIDEO_RAMFB,
} VideoType;
extern const char *const video_types[];
enum { VGACONF_IO = 1, VGACONF_ON, VGACONF_OFF };
enum { VIDEO_DRIVER_QEMU = 1, VIDEO_DRIVER_VHOST_USER };

typedef struct VideoDef {
    int type;                          /* VideoType */
    guint32 vram, ram, vram64, vgamem; /* KiB */
    guint32 heads;
    guint8 has_heads;
    int primary; /* YES, NO */
    int blob;
    guint32 res_x, res_y;
    int accel3d, accel2d;
    char *rendernode;
    int vgaconf;     /* of <driver>: io 1, on 2, off 3 */
    int driver_name; /* qemu 1, vhostuser 2 */
    VirtioOptions virtio;
    DeviceInfo info;
} VideoDef;
extern const Schema video_schema;

typedef struct SoundCodec {
    int type; /* duplex 1, micro 2, output 3 */
} SoundCodec;

typedef struct SoundDef {
    int model;        /* SoundModel */
    int multichannel; /* YES, NO */
    guint32 streams;
    guint32 audio_id;
    GPtrArray *codecs; /* SoundCodec */
    VirtioOptions virtio;
    DeviceInfo info;
} SoundDef;
extern const Schema sound_schema;
enum {
    SOUND_SB16 = 1,
    SOUND_ES1370,
    SOUND_PCSPK,
    SOUND_AC97,
    SOUND_ICH6,
    SOUND_ICH9,
    SOUND_USB,
    SOUND_ICH7,
    SOUND_VIRTIO,
};

typedef enum AudioType {
    AUDIO_NONE = 1,
    AUDIO_ALSA,
    AUDIO_COREAUDIO,
    AUDIO_JACK,
    AUDIO_OSS,
    AUDIO_PULSEAUDIO,
    AUDIO_SDL,
    AUDIO_SPICE,
    AUDIO_FILE,
    AUDIO_DBUS,
    AUDIO_PIPEWIRE,
} AudioType;
extern const char *const audio_types[];

/* One direction of an audio backend; which fields hold depends on its type. */
typedef struct AudioSide {
    int mixing_engine, fixed_settings; /* YES, NO */
    guint32 frequency, channels;
    int format; /* word of audio_formats */
    guint32 voices, buffer_length, buffer_count, latency;
    char *dev, *name, *stream_name, *server_name, *client_name, *connect_ports;
    int try_poll, exact_name;
} AudioSide;
extern const char *const audio_formats[], *const sdl_drivers[];

typedef struct AudioDef {
    int type; /* AudioType */
    guint32 id;
    guint32 timer_period;
    char *path;              /* file */
    int try_mmap, exclusive; /* oss */
    gint32 dsp_policy;
    guint8 has_dsp_policy;
    char *server_name, *runtime_dir; /* pulseaudio, pipewire */
    int driver;                      /* sdl: word of sdl_drivers */
    AudioSide *input, *output;
} AudioDef;
extern const Schema audio_schema;

/* ---- host devices */

typedef enum HostdevType {
    HOSTDEV_USB = 1,
    HOSTDEV_PCI,
    HOSTDEV_SCSI,
    HOSTDEV_SCSI_HOST,
    HOSTDEV_MDEV,
    HOSTDEV_STORAGE,
    HOSTDEV_MISC,
    HOSTDEV_NET,
} HostdevType;

typedef struct HostdevUsb {
    guint32 vendor, product, bus, device;
    guint8 has_vendor, has_product, has_bus, has_device;
    char *port;
} HostdevUsb;

typedef struct HostdevScsi {
    int protocol; /* SourceProtocol words; iscsi, or 0: an adapter of the host */
    char *adapter;
    DriveAddress address;
    guint8 has_address;
    char *name;
    GPtrArray *hosts; /* SourceHost */
    char *initiator;
    AuthDef *auth;
} HostdevScsi;

typedef struct HostdevVhost {
    int protocol; /* vhost 1 */
    char *wwpn;
} HostdevVhost;

/* <source>; which member holds depends on the type. */
typedef struct HostdevSource {
    int type;                                              /* HostdevType: of the hostdev */
    int startup_policy, autoaddress, missing, guest_reset; /* usb */
    int write_filtering;                                   /* pci: YES, NO */
    PciAddress *pci;
    HostdevUsb *usb;
    HostdevScsi *scsi;
    HostdevVhost *vhost;
    guint8 mdev_uuid[16];
    char *block, *chardev, *interface; /* capabilities */
} HostdevSource;

typedef struct HostdevDef {
    int mode;           /* subsystem 1, capabilities 2 */
    int managed;        /* YES, NO */
    int model;          /* word of hostdev_models */
    int display, ramfb; /* ON, OFF */
    int sgio, rawio;
    int driver_name; /* kvm 1, vfio 2, xen 3 */
    char *driver_model;
    HostdevSource source; /* with the type of the hostdev */
    gboolean readonly, shareable;
    Teaming *teaming;
    DeviceInfo info;
} HostdevDef;
extern const Schema hostdev_schema;
extern const char *const hostdev_models[], *const hostdev_drivers[];
enum {
    HOSTDEV_MODEL_VIRTIO = 1,
    HOSTDEV_MODEL_TRANSITIONAL,
    HOSTDEV_MODEL_NON_TRANSITIONAL,
    HOSTDEV_MODEL_VFIO_PCI,
    HOSTDEV_MODEL_VFIO_CCW,
    HOSTDEV_MODEL_VFIO_AP,
};

/* ---- the rest */

typedef struct IdmapEntry {
    guint32 start, target, count;
    guint8 has_start, has_target, has_count;
} IdmapEntry;
extern const Schema idmap_entry_schema;

enum { FS_MOUNT = 1, FS_BLOCK, FS_FILE, FS_TEMPLATE, FS_RAM, FS_BIND, FS_VOLUME };
enum { FS_PASSTHROUGH = 1, FS_MAPPED, FS_SQUASH };
enum { FS_PATH = 1, FS_HANDLE, FS_LOOP, FS_NBD, FS_PLOOP, FS_VIRTIOFS, FS_MTP };

typedef struct FsDef {
    int type;       /* mount 1, block 2, file 3, template 4, ram 5, bind 6, volume 7 */
    int accessmode; /* passthrough 1, mapped 2, squash 3 */
    int model;      /* VirtioModel */
    int multidevs;  /* remap 1, forbid 2, warn 3 */
    guint32 fmode, dmode;
    guint8 has_fmode, has_dmode;
    int driver; /* path 1, handle 2, loop 3, nbd 4, ploop 5, virtiofs 6, mtp 7 */
    int driver_format, wrpolicy;
    guint32 queue;
    VirtioOptions virtio;
    char *binary;
    int xattr, cache, posix_lock, flock, sandbox;
    gint32 thread_pool;
    guint8 has_thread_pool;
    guint64 openfiles;
    GPtrArray *uids, *gids; /* IdmapEntry */
    char *source;           /* dir, dev, file, name, usage by type */
    char *socket;
    char *target;
    gboolean readonly;
    DeviceInfo info;
} FsDef;
extern const Schema filesystem_schema;

typedef struct WatchdogDef {
    int model;  /* i6300esb 1, ib700 2, diag288 3, itco 4 */
    int action; /* reset 1, shutdown 2, poweroff 3, pause 4, none 5, dump 6, inject-nmi 7 */
    DeviceInfo info;
} WatchdogDef;
extern const Schema watchdog_schema;
extern const char *const watchdog_models[], *const watchdog_actions[];
enum { WATCHDOG_I6300ESB = 1, WATCHDOG_IB700, WATCHDOG_DIAG288, WATCHDOG_ITCO };
enum {
    WATCHDOG_RESET = 1,
    WATCHDOG_SHUTDOWN,
    WATCHDOG_POWEROFF,
    WATCHDOG_PAUSE,
    WATCHDOG_NOTHING,
    WATCHDOG_DUMP,
    WATCHDOG_INJECT_NMI,
};

typedef struct BalloonDef {
    int model; /* virtio 1, xen 2, none 3, virtio-transitional 4, virtio-non-transitional 5 */
    int autodeflate, free_page_reporting; /* ON, OFF */
    guint32 stats_period;
    VirtioOptions virtio;
    DeviceInfo info;
} BalloonDef;
extern const Schema memballoon_schema;
enum {
    BALLOON_VIRTIO = 1,
    BALLOON_XEN,
    BALLOON_NONE,
    BALLOON_TRANSITIONAL,
    BALLOON_NON_TRANSITIONAL
};

typedef struct RngDef {
    int model; /* VirtioModel */
    guint32 rate_bytes, rate_period;
    int backend; /* random 1, egd 2, builtin 3 */
    char *random_device;
    CharSource source; /* egd */
    VirtioOptions virtio;
    DeviceInfo info;
} RngDef;
extern const Schema rng_schema;
enum { RNG_RANDOM = 1, RNG_EGD, RNG_BUILTIN };

enum { TPM_PASSTHROUGH = 1, TPM_EMULATOR, TPM_EXTERNAL };
enum { TPM_TIS = 1, TPM_CRB, TPM_SPAPR, TPM_SPAPR_PROXY };
enum { TPM_1_2 = 1, TPM_2_0 };

typedef struct TpmBanks {
    gboolean sha1, sha256, sha384, sha512;
} TpmBanks;

typedef struct TpmState {
    int type; /* TPM_STATE_FILE, TPM_STATE_DIR */
    char *path;
} TpmState;
enum { TPM_STATE_FILE = 1, TPM_STATE_DIR };

typedef struct TpmProfile {
    char *source, *name;
    int remove_disabled; /* check 1, fips-host 2 */
} TpmProfile;

typedef struct TpmSocket {
    int type; /* CHAR_UNIX */
    int mode; /* CHAR_CONNECT */
    char *path;
} TpmSocket;

typedef struct TpmDef {
    int model;             /* TPM_TIS ... */
    int backend;           /* TPM_PASSTHROUGH, TPM_EMULATOR, TPM_EXTERNAL */
    int version;           /* TPM_1_2, TPM_2_0 */
    char *device;          /* passthrough */
    int persistent_state;  /* emulator: YES, NO */
    guint8 encryption[16]; /* secret */
    guint32 debug;
    TpmBanks *pcr_banks;
    TpmState *state;
    TpmProfile *profile;
    TpmSocket *socket; /* external */
    DeviceInfo info;
} TpmDef;
extern const Schema tpm_schema;
extern const char *const tpm_models[];

typedef struct PanicDef {
    int model; /* isa 1, pseries 2, hyperv 3, s390 4, pvpanic 5 */
    DeviceInfo info;
} PanicDef;
extern const Schema panic_schema;
extern const char *const panic_models[];
enum { PANIC_ISA = 1, PANIC_PSERIES, PANIC_HYPERV, PANIC_S390, PANIC_PVPANIC };

typedef struct ShmemDef {
    char *name;
    int role;      /* master 1, peer 2 */
    int model;     /* ivshmem 1, ivshmem-plain 2, ivshmem-doorbell 3 */
    guint64 size;  /* MiB */
    guint64 bytes; /* only while it is read */
    char *server;
    gboolean has_server;
    gboolean msi;
    guint32 msi_vectors;
    int msi_ioeventfd;
    DeviceInfo info;
} ShmemDef;
extern const Schema shmem_schema;
enum { SHMEM_IVSHMEM = 1, SHMEM_PLAIN, SHMEM_DOORBELL };

typedef struct MemoryDevice {
    int model;   /* dimm 1, nvdimm 2, virtio-pmem 3, virtio-mem 4, sgx-epc 5 */
    int access;  /* shared 1, private 2 */
    int discard; /* YES, NO */
    guint8 uuid[16];
    guint64 page_size, align_size; /* KiB */
    Bitmap *source_nodes;
    char *path;
    gboolean pmem;
    guint64 size, label_size, block, requested, current; /* KiB */
    guint32 node;
    guint8 has_node;
    gboolean readonly;
    int dynamic_slots;   /* YES, NO */
    guint64 target_base; /* address/@base of virtio-mem */
    DeviceInfo info;
} MemoryDevice;
extern const Schema memory_schema;
gboolean memory_has_node(const MemoryDevice *m); /* whether the guest sees it in one */
extern const char *const memory_models[];
enum { MEMORY_DIMM = 1, MEMORY_NVDIMM, MEMORY_VIRTIO_PMEM, MEMORY_VIRTIO_MEM, MEMORY_SGX_EPC };

typedef struct IommuDef {
    int model; /* intel 1, smmuv3 2, virtio 3, amd 4 */
    int intremap, caching_mode, eim, iotlb, xtsup, passthrough, dma_translation; /* ON, OFF */
    guint32 aw_bits;
    DeviceInfo info;
} IommuDef;
extern const Schema iommu_schema;
extern const char *const iommu_models[];
enum { IOMMU_INTEL = 1, IOMMU_SMMUV3, IOMMU_VIRTIO, IOMMU_AMD };

typedef struct VsockDef {
    int model;    /* VirtioModel */
    int auto_cid; /* YES, NO */
    guint32 cid;
    VirtioOptions virtio;
    DeviceInfo info;
} VsockDef;
extern const Schema vsock_schema;

typedef struct CryptoDef {
    int model;   /* virtio 1 */
    int type;    /* qemu 1 */
    int backend; /* builtin 1, lkcf 2 */
    guint32 queues;
    VirtioOptions virtio;
    DeviceInfo info;
} CryptoDef;
extern const Schema crypto_schema;

typedef struct PstoreDef {
    int backend; /* acpi-erst 1 */
    char *path;
    guint64 size; /* KiB */
    DeviceInfo info;
} PstoreDef;
extern const Schema pstore_schema;

typedef struct LeaseDef {
    char *lockspace, *key, *path;
    guint64 offset;
} LeaseDef;
extern const Schema lease_schema;

typedef struct NvramDevice {
    DeviceInfo info;
} NvramDevice;
extern const Schema nvram_device_schema;

/* Everything below <devices>. Lists are NULL when empty. */
typedef struct Devices {
    char *emulator;
    GPtrArray *disks;                                     /* DiskDef */
    GPtrArray *controllers;                               /* ControllerDef */
    GPtrArray *leases;                                    /* LeaseDef */
    GPtrArray *filesystems;                               /* FsDef */
    GPtrArray *nets;                                      /* NetDef */
    GPtrArray *smartcards;                                /* SmartcardDef */
    GPtrArray *serials, *parallels, *consoles, *channels; /* CharDef */
    GPtrArray *inputs;                                    /* InputDef */
    GPtrArray *tpms;                                      /* TpmDef */
    GPtrArray *graphics;                                  /* GraphicsDef */
    GPtrArray *sounds;                                    /* SoundDef */
    GPtrArray *audios;                                    /* AudioDef */
    GPtrArray *videos;                                    /* VideoDef */
    GPtrArray *hostdevs;                                  /* HostdevDef */
    GPtrArray *redirdevs;                                 /* RedirDef */
    RedirFilter *redirfilter;
    GPtrArray *hubs;      /* HubDef */
    GPtrArray *watchdogs; /* WatchdogDef */
    BalloonDef *balloon;
    GPtrArray *rngs; /* RngDef */
    NvramDevice *nvram;
    GPtrArray *panics;   /* PanicDef */
    GPtrArray *shmems;   /* ShmemDef */
    GPtrArray *memories; /* MemoryDevice */
    GPtrArray *iommus;   /* IommuDef */
    VsockDef *vsock;
    GPtrArray *cryptos; /* CryptoDef */
    PstoreDef *pstore;
} Devices;
extern const Schema devices_schema;
