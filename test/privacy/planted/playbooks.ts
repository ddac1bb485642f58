export { refundRequest as refund_request } from '../../../workflows/refund-request.ts'
export { visits } from './playbook.ts'
