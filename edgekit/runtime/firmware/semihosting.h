/* What a bare-metal program asks of the host that it is attached to: files, words, its end.
 *
 * Source: "Semihosting for AArch32 and AArch64" (Arm, 2.0) and "RISC-V Semihosting" (0.4). Served by QEMU, and by
 * pyOCD and OpenOCD through a debug probe. Strings end with a zero byte; handles are positive.
 */
#ifndef EDGEKIT_SEMIHOSTING_H
#define EDGEKIT_SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

#define HOST_READ 1   /* fopen's "rb" */
#define HOST_WRITE 5  /* "wb" */

/* The handle of a file in the host's current folder; -1 if there is none. */
int32_t host_open(const char *name, uint32_t mode);

/* Both return whether all bytes came or went. */
int host_read(int32_t handle, void *data, size_t bytes);
int host_write(int32_t handle, const void *data, size_t bytes);

void host_close(int32_t handle);

/* Print on the host's console. */
void host_print(const char *words);
void host_print_hex(uint32_t value);

/* End the program; on the emulator, with this exit code. */
__attribute__((noreturn)) void host_exit(uint32_t code);

#endif
