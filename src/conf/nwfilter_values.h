/* What the values of a filter's rules may be, and how they are spelled. Inside conf only. Each is
 * held as a char *, in the spelling that is written. */
#pragma once

#include "rows.h"

extern const FieldType filter_no;        /* match='no'; other words mean nothing */
extern const FieldType filter_mac;       /* six bytes */
extern const FieldType filter_mac_mask;  /* ones, then zeros */
extern const FieldType filter_ip;        /* IPv4 */
extern const FieldType filter_ip_mask;   /* a number of bits, or ones and zeros */
extern const FieldType filter_ip6;       /* IPv6 */
extern const FieldType filter_ip6_mask;  /* likewise */
extern const FieldType filter_u8;        /* decimal, or hexadecimal and written so */
extern const FieldType filter_u16;       /* likewise */
extern const FieldType filter_u32;       /* likewise; -1 is the largest one */
extern const FieldType filter_vlan_id;   /* 0 to 4095 */
extern const FieldType filter_dscp;      /* 0 to 63 */
extern const FieldType filter_limit;     /* decimal alone, to 65535 */
extern const FieldType filter_ethertype; /* of a frame: a word, or from 0x600 */
extern const FieldType filter_encap;     /* of what a VLAN's frame carries: from 0x3c */
extern const FieldType filter_protocol;  /* of IP */
extern const FieldType filter_opcode;    /* of ARP */
extern const FieldType filter_bool;      /* true, false */
extern const FieldType filter_state;     /* of a connection: several */
extern const FieldType filter_flags;     /* of TCP: which are looked at / which are set */
extern const FieldType filter_ipset;     /* name of a set of addresses */
extern const FieldType filter_ipset_dir; /* src, dst: up to six */
extern const FieldType filter_comment;   /* any text, to 256 bytes */

/* The number of a value of filter_protocol; -1: it is a variable. */
int filter_protocol_number(const char *text);
