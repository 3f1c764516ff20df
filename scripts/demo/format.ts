const grouped = new Intl.NumberFormat('en-US')

export const count = (value: number): string => grouped.format(Math.round(value))

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export const percent = (share: number): string => `${Math.round(share * 100)} %`
