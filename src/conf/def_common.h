/* Structs that several kinds of devices share. Included by conf.h only. */
#pragma once

#include "base/base.h"

/* ---- where a device sits */

typedef enum AddressType {
    ADDRESS_NONE,
    ADDRESS_PCI,
    ADDRESS_DRIVE,
    ADDRESS_VIRTIO_SERIAL,
    ADDRESS_CCID,
    ADDRESS_USB,
    ADDRESS_SPAPR_VIO,
    ADDRESS_VIRTIO_S390,
    ADDRESS_CCW,
    ADDRESS_VIRTIO_MMIO,
    ADDRESS_ISA,
    ADDRESS_DIMM,
    ADDRESS_UNASSIGNED,
} AddressType;

typedef struct ZpciAddress {
    guint32 uid, fid;
    guint8 has_uid, has_fid;
} ZpciAddress;

typedef struct PciAddress {
    guint32 domain, bus, slot, function;
    int multifunction; /* ON, OFF */
    ZpciAddress zpci;  /* of s390x */
} PciAddress;

typedef struct DriveAddress {
    guint32 controller, bus, target, unit;
} DriveAddress;

typedef struct CcwAddress {
    guint32 cssid, ssid, devno;
    guint8 has_cssid, has_ssid, has_devno; /* all or none, once filled all */
} CcwAddress;

typedef struct Address {
    int type; /* AddressType */
    union {
        PciAddress pci; /* all zero: a PCI address that is yet to be found */
        DriveAddress drive;
        struct {
            guint32 controller, bus, port;
        } vserial;
        struct {
            guint32 controller, slot;
        } ccid;
        struct {
            guint32 bus;
            char *port; /* "1.2"; NULL: yet to be found */
        } usb;
        struct {
            guint64 reg;
        } spapr;
        CcwAddress ccw;
        struct {
            guint32 iobase, irq;
        } isa;
        struct {
            guint32 slot;
            guint64 base;
        } dimm;
    };
} Address;

/* The rows of a PCI address without a type attribute: of a host's device, or an address inside
 * another element. */
extern const Schema pci_address_schema;
extern const Schema address_schema;
extern const char *const address_types[]; /* words of AddressType */
gboolean pci_address_is_empty(const PciAddress *a);

typedef struct RomDef {
    int enabled; /* YES, NO */
    int bar;     /* ON, OFF */
    char *file;
} RomDef;

/* What every device has in addition to the fields of its kind. */
typedef struct DeviceInfo {
    char *alias;
    guint32 boot_order; /* 0: none */
    char *loadparm;
    guint32 acpi_index; /* 0: none */
    guint32 startport;  /* of a USB companion controller */
    guint8 has_startport;
    gboolean has_master; /* <master> is there, even without a port */
    RomDef *rom;
    Address address;
} DeviceInfo;
extern const Schema rom_schema;
extern const Schema device_info_schema; /* spliced */

/* Attributes of <driver> that all virtio devices share. */
typedef struct VirtioOptions {
    int iommu, ats, packed, page_per_vq; /* ON, OFF */
} VirtioOptions;
extern const Schema virtio_options_schema; /* spliced */

typedef enum VirtioModel {
    VIRTIO_MODEL_DEFAULT,
    VIRTIO_MODEL_VIRTIO,
    VIRTIO_MODEL_TRANSITIONAL,
    VIRTIO_MODEL_NON_TRANSITIONAL,
} VirtioModel;
extern const char *const virtio_models[];

/* ---- security labels (also of one source) */

typedef enum SeclabelType {
    SECLABEL_DEFAULT,
    SECLABEL_DYNAMIC,
    SECLABEL_STATIC,
    SECLABEL_NONE
} SeclabelType;

typedef struct SeclabelDef {
    int type; /* of a domain's label only */
    char *model;
    int relabel;   /* YES, NO */
    int labelskip; /* YES; of a source, live */
    char *label;
    char *imagelabel;
    char *baselabel;
} SeclabelDef;
extern const Schema seclabel_schema;                              /* of a domain */
extern const Schema source_seclabel_schema;                       /* of a source */
gboolean source_seclabels_settle(GPtrArray **list, GError **err); /* after its rows are read */

/* ---- the host's end of a character device */

typedef enum CharType {
    CHAR_NONE,
    CHAR_NULL,
    CHAR_VC,
    CHAR_PTY,
    CHAR_DEV,
    CHAR_FILE,
    CHAR_PIPE,
    CHAR_STDIO,
    CHAR_UDP,
    CHAR_TCP,
    CHAR_UNIX,
    CHAR_SPICEVMC,
    CHAR_SPICEPORT,
    CHAR_NMDM,
    CHAR_VDAGENT,
    CHAR_DBUS,
} CharType;
extern const char *const char_types[];
extern const char *const char_protocols[];

enum { CHAR_CONNECT = 1, CHAR_BIND };
enum { CHAR_PROTOCOL_RAW = 1, CHAR_PROTOCOL_TELNET, CHAR_PROTOCOL_TELNETS, CHAR_PROTOCOL_TLS };

typedef struct ReconnectDef {
    int enabled; /* YES, NO */
    guint32 timeout;
    guint8 has_timeout;
} ReconnectDef;
extern const Schema reconnect_schema;

/* One <source>. */
typedef struct CharEnd {
    int mode; /* CHAR_CONNECT, CHAR_BIND */
    char *path;
    char *live_path; /* only while it is read */
    char *host;
    char *service;
    char *channel;
    char *master, *slave; /* nmdm */
    int append;           /* ON, OFF */
    int tls;              /* YES, NO */
    int clipboard;        /* vdagent: YES, NO */
    int mouse;            /* vdagent: client 1, server 2 */
    ReconnectDef *reconnect;
    GPtrArray *seclabels; /* SeclabelDef */
} CharEnd;
extern const Schema char_end_schema;

typedef struct CharLog {
    char *file;
    int append;
} CharLog;

typedef struct CharSource {
    int type;        /* CharType; in XML the type attribute of the device itself */
    GPtrArray *ends; /* CharEnd: one, or for udp up to two */
    int protocol;    /* tcp */
    CharLog *log;
} CharSource;
extern const Schema char_source_schema;  /* spliced: @type is not in it */
extern const Schema char_backend_schema; /* with @type */
extern const Schema char_log_schema;
/* The end with that mode, or (mode 0) the first one, borrowed; NULL: there is none. */
CharEnd *char_end(const CharSource *s, int mode);
/* The first end, borrowed; it is made when there is none. */
CharEnd *char_end_need(CharSource *s);

/* Whether this is a path that a daemon, vmd or libvirtd, chose in the folder of one run of a
 * domain. A live document has such paths; a definition does not keep them. */
gboolean path_is_of_a_run(const char *path);
/* Whether a path is in a folder of programs and data that the distribution installs: no guest owns
 * files there. Only the text is looked at; links are not followed. */
gboolean path_is_installed(const char *path);
